"""Master data: what the factory is, makes and promises; documents that people write, and plans made of them."""
