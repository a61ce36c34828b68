"""Adapters that ship with bookproof: public matching engines, each by the name it is checked by.

`shelf` says which engines there are, which version each adapter is for and what is known of it; `installed` is what
the adapters have in common. Each adapter is a module of its own of at most 80 lines that translates and keeps no book.
It can be imported without its engine, which is looked for only when the adapter is made.
"""
