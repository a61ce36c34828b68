"""The engines under test: a fast book, stripes of locks over many books, and other locking designs to compare."""
