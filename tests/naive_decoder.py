"""A decoder token by token: every product of every head with every position, counted one by one. Slow, and nothing else."""

from simulator.graph.language import ACTIVATIONS


class Walk:
    """Tokens of one sequence through all layers; `cached` holds, for each layer, the positions that its cache keeps."""

    def __init__(self, decoder):
        self.decoder = decoder
        self.cached = [[] for _ in range(decoder.layers)]

    def token(self, absorbed, last=True):
        """MACs of one more token. absorbed: of compressed caches, the form behind a context. last: whether a word comes out."""
        own, macs = self.decoder, 0
        for layer, kept in enumerate(self.cached):
            kept.append(len(kept) and kept[-1] + 1)
            window = own.window_of(layer)
            seen = [position for position in kept if not window or position > kept[-1] - window]
            macs += self.latent(seen, absorbed) if own.latent else self.grouped(seen)
            macs += self.feed(layer)
        return macs + (own.hidden * own.vocabulary if last else 0)

    def grouped(self, seen):
        own, macs = self.decoder, 0
        for _ in range(own.heads):
            macs += own.hidden * own.head_dim  # its query
            for _ in seen:
                macs += own.head_dim + own.head_dim  # a score, and its share of a value
        for _ in range(own.kv_heads):
            macs += own.hidden * own.head_dim * 2
        return macs + own.heads * own.head_dim * own.hidden

    def latent(self, seen, absorbed):
        own = self.decoder
        plain, rank = own.head_dim - own.rope_dim, own.query_rank
        macs = own.hidden * (own.latent + own.rope_dim) + (own.hidden * rank if rank else 0)
        for _ in range(own.heads):
            macs += (rank or own.hidden) * own.head_dim
            macs += (
                plain * own.latent + own.latent * own.value_dim
            )  # keys and values out of latents, or queries into them
            for _ in seen:
                macs += own.latent + own.rope_dim + own.latent if absorbed else own.head_dim + own.value_dim
        return macs + own.heads * own.value_dim * own.hidden

    def feed(self, layer):
        own = self.decoder
        matrices = 3 if ACTIVATIONS[own.activation][1] else 2
        if not own.has_experts(layer):
            return matrices * own.hidden * own.ffn
        macs = own.hidden * own.experts + matrices * own.hidden * own.shared_ffn
        for _ in range(own.active):
            macs += matrices * own.hidden * own.expert_ffn
        return macs

    def cache_values(self):
        """Numbers that are kept, where windows let go of what is older."""
        own, total = self.decoder, 0
        for layer, kept in enumerate(self.cached):
            window = own.window_of(layer)
            for position in kept:
                if not window or position > kept[-1] - window:
                    total += own.latent + own.rope_dim if own.latent else 2 * own.kv_heads * own.head_dim
        return total
