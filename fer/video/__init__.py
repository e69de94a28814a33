"""Video files: read by time stamp, looked at for people and their expressions, drawn, summed up and written out.

`looking.watch_video` does the work and gives a `VideoResult`; `VideoResult.with_people` puts people right, and all else
is made of the result: `timeline` (tables, a session's looks), `summary.summarize` (shares, spells, chapters, gaps),
`summary.summarize_people` (a selected span) and `formats` (files for other programs, one ZIP). `sample.sample_video` is
always there to try. Knows nothing about pages or the command line.
"""
