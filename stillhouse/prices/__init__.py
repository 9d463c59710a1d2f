"""What an upstream charges for tokens, in US dollars. Reads tables as data; knows no call and no log."""

from stillhouse.prices.book import PriceBook

__all__ = ["PriceBook"]
