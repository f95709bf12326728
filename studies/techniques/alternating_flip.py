import torch


class AlternatingFlip:
    """Mirror an image at random when it is first seen, then in every other epoch."""

    def __init__(self):
        self.mirrored = {}

    def __call__(self, images, generator):
        """Return images (N, C, H, W), those whose turn it is mirrored left to right."""
        coins = (torch.rand(len(images), generator=generator, device=images.device) < 0.5).tolist()
        for i, (image, coin) in enumerate(zip(images.cpu().numpy(), coins, strict=True)):
            key = image.tobytes()
            coins[i] = self.mirrored[key] = not self.mirrored.get(key, coin)
        mirrored = torch.tensor(coins, device=images.device)[:, None, None, None]
        return torch.where(mirrored, images.flip(3), images)
