"""What a gateway of one factory commits, for the measurements of its store."""
