"""The linter of annotation files: what is wrong in a file, how often, and where first."""

from momentor_lib.data.check.linter import check_file
from momentor_lib.data.check.recognise import FORMATS, recognise
from momentor_lib.data.check.report import KINDS, Finding, Report

__all__ = ["FORMATS", "KINDS", "Finding", "Report", "check_file", "recognise"]
