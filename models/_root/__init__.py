"""bookproof: a reference matching engine that can prove what it says, and a checker for any other exchange.

- `bookproof.spec`: the rule book, as pure functions.
- `bookproof.engine`: the engines under test.
- `bookproof.models`: everything that judges, and the command line.

In a checkout these are three portions of one namespace package and this file is not there; the wheel puts it on top
of them. So it holds nothing but these words: code here would run for users only, and for no test of a checkout.
"""
