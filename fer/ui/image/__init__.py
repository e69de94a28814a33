"""The pieces of the Image page: what a visitor brings, its readings kept, and how they are shown."""
