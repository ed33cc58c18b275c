"""The Textual app. Of the house it knows the run directory only; what computes runs in processes of its own."""
