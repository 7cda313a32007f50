"""All results as tables on disk, so that queries need not read every file."""
