"""What each file of a run says: read, checked value by value, and written."""
