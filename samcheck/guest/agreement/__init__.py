"""Agreement of implementations: the same weights and pixels in two of them, compared stage by stage."""
