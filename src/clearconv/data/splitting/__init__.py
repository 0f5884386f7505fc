"""The division of images into parts, and the images that must stay together."""
