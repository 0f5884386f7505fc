"""Why a network answers as it does: Grad-CAM, occlusion, and how far to trust them."""

from clearconv.explain.agreement import SanityCheck, randomised, rank_correlation, sanity_check
from clearconv.explain.gradient_maps import grad_cam, spatial_layers
from clearconv.explain.occlusion_maps import occlusion
from clearconv.explain.run import Explanation, explain_images

__all__ = [
    "Explanation",
    "SanityCheck",
    "explain_images",
    "grad_cam",
    "occlusion",
    "randomised",
    "rank_correlation",
    "sanity_check",
    "spatial_layers",
]
