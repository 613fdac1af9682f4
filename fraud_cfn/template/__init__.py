"""The template as a file: rendered, read back, checked for staleness, validated in every scenario."""
