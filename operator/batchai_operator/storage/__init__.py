"""Azure storage; its library's exceptions and its logs stop here."""
