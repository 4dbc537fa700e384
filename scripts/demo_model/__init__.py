"""How the demo model is made from the demo corpus: tokenizer, training, evaluation, model card.

Example: ``python scripts/train_demo_model.py --seed 0 --output_dir demo/model``
"""
