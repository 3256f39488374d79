"""Every kept thing: one memory cache, one disk cache, one way to write a file whole, one reader of data, one digest."""
