"""One prompt a task, after the paper's rules: captions under 20 words that never say "frame" or "video"; short questions and answers."""

RULES = (
    "Answer with one JSON object and nothing else. Each text has at most 20 words. "
    'Never write the words "frame" or "video", and never mention that you read notes.'
)
NOTES = "Notes on what happens, each with a number:\n{events}\n\n"

PROMPTS = {
    "segment_caption_data": NOTES + 'Write a caption of note {one} in your own words, in fewer than 20 words: {{"Assistant": "..."}} ',
    "instance_segment_caption_data": NOTES + 'Say in fewer than 20 words what the {name} does in note {one}: {{"Assistant": "..."}} ',
    "instance_caption_data": NOTES
    + 'Summarize in fewer than 20 words all that the {name} does, in order of the notes: {{"Assistant": "..."}} ',
    "appearance_data": NOTES + 'Describe in fewer than 20 words what the {name} looks like: {{"Assistant": "..."}} ',
    "qa_data": NOTES + 'Write a question about note {one} and its answer: {{"User": "...", "Assistant": "..."}} ',
    "instance_qa_data": NOTES + 'Write a question about the {name} and its answer: {{"User": "...", "Assistant": "..."}} ',
    "cross_segment_qa_data": NOTES
    + 'Write a question that needs both note {one} and note {other}, and its answer: {{"User": "...", "Assistant": "..."}} ',
    "hypo_scene_data": NOTES
    + 'Somebody wants to see what note {one} tells without knowing it. Write one question of the kind "what would you see" or '
    + '"which clip should I watch" whose answer is note {one}, without its words: {{"User": "..."}} ',
    "comp_ret_data": NOTES
    + "Note {one} is a source clip, note {other} a target. Name their major difference, and write an instruction that asks for the target "
    + 'by it and holds the slot {{{{SOURCE_CLIP}}}} once: {{"difference": "...", "User": "..."}} ',
    "segment_locate_data": NOTES + 'Write a short description by which somebody would look for note {one}: {{"User": "..."}} ',
}
# What is asked in our own words where the model writes the answer only.
QUESTIONS = {
    "segment_caption_data": "What happens in {moment}?",
    "instance_segment_caption_data": "What does the {name} do in {{moment}}?",
    "instance_caption_data": "What does the {instance_class} do from beginning to end?",
    "appearance_data": "What is at {click_position}?",
}
