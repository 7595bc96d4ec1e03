"""What a model has seen: is this video anything like it?

The distance is Mahalanobis's, between the mean of a video's frame features and those of the training videos.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

FILE_NAME = "domain.safetensors"
WARNING = "This model has only ever seen toy videos (moving shapes); its answer about this video means nothing."


@dataclass(frozen=True)
class Domain:
    """Where the training videos lie in feature space.

    Attributes:
        mean: of the videos' mean features [D_v].
        precision: inverse of their covariance [D_v, D_v].
        threshold: squared distance [1] above which a video is outside.
    """

    mean: Tensor
    precision: Tensor
    threshold: Tensor

    @classmethod
    def fit(cls, features: Tensor, margin: float = 2.0, ridge: float = 1e-2) -> Domain:
        """Frame features of many videos [videos, T, D_v] -> their domain.

        Args:
            margin: the threshold is this times the largest squared distance among these videos.
            ridge: added to the covariance, as a share of its mean variance, so that it can be inverted.

        Raises:
            ValueError: fewer than two videos.
        """
        if features.shape[0] < 2:
            raise ValueError(f"a domain needs two videos or more, not {features.shape[0]}")
        means = features.double().mean(dim=1)  # [videos, D_v]
        mean = means.mean(dim=0)
        centred = means - mean
        covariance = centred.T @ centred / (len(means) - 1)
        covariance += ridge * covariance.diagonal().mean().clamp(min=1e-12) * torch.eye(len(mean), dtype=torch.float64)
        domain = cls(mean, torch.linalg.inv(covariance), torch.zeros(1, dtype=torch.float64))
        largest = max(domain.distance(video) for video in features)
        return cls(mean.float(), domain.precision.float(), torch.tensor([margin * largest]))

    def distance(self, features: Tensor) -> float:
        """Frame features [T, D_v] of a video -> squared Mahalanobis distance of their mean."""
        offset = features.to(self.mean).mean(dim=0) - self.mean
        return float(offset @ self.precision @ offset)

    def warnings(self, features: Tensor) -> tuple[str, ...]:
        """One line where a video [T, D_v] is outside, else nothing."""
        return (WARNING,) if self.distance(features.cpu()) > float(self.threshold) else ()

    def save(self, folder: str | Path) -> None:
        """Write ``domain.safetensors`` beside a model."""
        tensors = {"mean": self.mean, "precision": self.precision, "threshold": self.threshold}
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, Path(folder) / FILE_NAME)

    @classmethod
    def load(cls, folder: str | Path) -> Domain | None:
        """What a folder holds, None where it holds none."""
        file = Path(folder) / FILE_NAME
        return cls(**load_file(file)) if file.is_file() else None
