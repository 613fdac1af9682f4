"""What runs in a deployed environment, and how it is taken down."""
