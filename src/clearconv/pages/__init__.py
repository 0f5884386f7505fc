"""Pictures and pages: drawings as plain SVG text, no dependencies."""

from clearconv.pages.moving_kernel import moving_kernel

__all__ = ["moving_kernel"]
