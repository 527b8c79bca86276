"""Pretrained networks of timm and torchvision, from their names to embeddings.

``libraries`` builds the networks and says how images are prepared for them, ``network`` makes one embed images,
``download`` finds weights on this machine or fetches them, ``weights`` reads weight files, and ``load`` puts all of it
together.
"""
