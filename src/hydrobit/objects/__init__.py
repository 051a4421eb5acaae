"""Photos and media of a company: kept before a row names them, served by signed links, swept when nobody names them."""
