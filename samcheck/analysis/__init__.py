"""What results mean: compared, searched, explained."""
