"""Parts of networks and of their training that no single method owns, in PyTorch without Ray or files of a run.

Images come in as uint8 tensors on the device. ``pixels`` and ``affine`` prepare and augment them, a ``Network``
(``network``) turns them into embeddings, and ``features`` runs one over many images, in ``batches`` that fit into
memory. ``resnet`` builds trunks to be trained, and ``backbone`` is the room of pretrained networks. ``batch_norm``,
``sync_batch_norm``, ``collective``, ``precision`` and ``seeds`` serve training, by one worker or several, and
``sinkhorn`` balances assignments.
"""
