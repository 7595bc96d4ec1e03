"""Converts GESM_data.json into event sequences, times as text: a list of {"id", "data_type", "data"}.

python scripts/convert_data_gesm.py --source_path GESM_data.json --target_path event_sequences.json
"""

import sys

from momentor_lib.cli.convert import script

if __name__ == "__main__":
    sys.exit(script(gesm=True))
