"""Converts a packed Moment-10M file into dialogues, times as text: a list of {"id", "data_type", "conversations"}.

python scripts/convert_data.py --source_path Moment-10M_0.json --target_path dialogues.json
"""

import sys

from momentor_lib.cli.convert import script

if __name__ == "__main__":
    sys.exit(script(gesm=False))
