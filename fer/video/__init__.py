"""Video files: read by time stamp, looked at for people and their expressions, drawn, summed up and written out.

`watch_video` does the work and gives a `VideoResult`; `fer.video.formats` writes it for other programs. Knows nothing
about pages or the command line.
"""
