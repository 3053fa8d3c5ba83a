"""What is known of written text in any language: scripts, languages, and where words and sentences end."""
