"""Downloads every video of a packed Moment-10M file, 360p, to <id>.mp4; what is there is skipped, and half files are gone on with.

python scripts/download_videos.py --source_path Moment-10M_0.json --video_path videos
"""

import sys

from momentor_lib.cli import main

if __name__ == "__main__":
    sys.exit(main(["download", *sys.argv[1:]]))
