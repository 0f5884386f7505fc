"""Sources of images: folders, arrays, the bundled data."""
