"""How targets are spelled: tags of words, answers in passages, paths of labels."""
