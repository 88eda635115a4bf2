"""Names of persons, places and organizations, from name tables and context."""

from tunesmith.privacy.names.find import find_names

__all__ = ["find_names"]
