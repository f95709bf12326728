"""Reports: tables of a study rendered as figures, markdown and an HTML page."""
