"""Which of two chips gives most ResNet-50 for a dollar at batch 8, and what would half as much SRAM again do to it?"""

from simulator import load_chip, simulate

runs = {name: simulate("resnet50", name, batch=8) for name in ("tpu_v1", "tpu_v4i")}
order = sorted(runs, key=lambda name: -runs[name].throughput_per_usd)
for name in order:
    print(f"{name}: {runs[name].throughput_per_usd:.1f} images/s a dollar, {runs[name].throughput_per_s:,.0f} images/s")
mib = 1.5 * load_chip(order[0]).sram.capacity_mib
more = simulate("resnet50", load_chip(order[0], set={"sram.capacity_mib": mib}), batch=8)
print(
    f"{order[0]} with {mib:g} MiB: {more.throughput_per_usd:.1f} images/s a dollar, {more.throughput_per_s:,.0f} images/s"
)
