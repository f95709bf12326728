"""From the tables of a study to figures and a page: nothing here trains or measures."""
