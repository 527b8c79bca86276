"""Rules for the number of clusters: ``votes`` collects what they suggest, ``outcomes`` says what each number gives."""
