"""What do the results say? Figures of variants, the verdict, the report and the memo."""
