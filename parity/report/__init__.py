"""What people and machines read: the report as text, JSON and Markdown."""
