"""What scripts/describe is made of."""
