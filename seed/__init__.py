"""The demo shop «Mercado Feira»: its content as data, and how that content is read and checked."""
