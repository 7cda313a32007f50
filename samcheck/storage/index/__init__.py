"""All results as tables on disk, so that questions need not read every file."""
