"""Where images come from: folders, arrays, the data that are built in."""
