"""The files of a report, drawn from the values of `report.compute`: a table, a picture, a web page.

May import `report.compute`, `results` and `files`, and must not import torch.
"""
