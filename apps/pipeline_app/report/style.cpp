// SPDX-License-Identifier: BSD-3-Clause
// The style of a report.
#include "report/page.hpp"

namespace mpipe::app {
namespace {

constexpr std::string_view kStyle = R"(:root {
  color-scheme: light dark;
  --page: #ffffff; --card: #f6f8fa; --text: #1f2328; --soft: #59636e; --line: #d1d9e0; --grid: #e8ecf0;
  --link: #0b5cad; --done: #2da05a; --failed: #d1242f; --blocked: #d4881c; --pending: #d7dee5; --gap: #c3cad1;
  --c0: #0b6fb8; --c1: #d1602a; --c2: #2b8a57; --c3: #9a4fb0; --c4: #b58900; --c5: #50606f;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --page: #0f1419; --card: #171d24; --text: #e3e8ed; --soft: #98a4b0; --line: #36404a; --grid: #252d35;
    --link: #6cb6ff; --done: #3fb56f; --failed: #f2636b; --blocked: #e0a243; --pending: #2f3841; --gap: #48525c;
    --c0: #58a6e8; --c1: #f0905a; --c2: #58c08a; --c3: #cf8ee0; --c4: #dcb83c; --c5: #a7b4c0;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem; max-width: 72rem; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
header { display: flex; flex-wrap: wrap; gap: .4rem 1rem; align-items: center; }
h1 { font-size: 1.7rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .7rem; padding-bottom: .25rem; border-bottom: 1px solid var(--line); }
h3 { font: 600 1rem/1.4 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; margin: 1.6rem 0 .1rem; }
article { margin-top: 3rem; padding-top: 1.5rem; border-top: 3px solid var(--line); }
a { color: var(--link); }
small, figcaption, .note, footer { color: var(--soft); }
footer { margin-top: 2.5rem; font-size: .85rem; }
.state { padding: .1rem .7rem; border-radius: 1rem; color: #fff; font-weight: 600; font-size: .9rem; white-space: nowrap; }
.good { background: #1f7a45; } .bad { background: #b3202a; } .open { background: #8a5a0b; }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); gap: .6rem 1.4rem; margin: 1rem 0; }
.facts dt { color: var(--soft); font-size: .8rem; } .facts dd { margin: 0; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; vertical-align: top; padding: .35rem 1rem .35rem 0; border-bottom: 1px solid var(--grid); }
th { color: var(--soft); font-weight: 500; white-space: nowrap; }
caption { text-align: left; color: var(--soft); padding: .3rem 0; }
.number { text-align: right; padding-right: 1.2rem; white-space: nowrap; font-variant-numeric: tabular-nums; }
.text { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: .85em; white-space: pre-wrap;
  overflow-wrap: anywhere; min-width: 14rem; }
pre { font: .85rem/1.45 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; background: var(--card); border: 1px solid
  var(--line); border-radius: 6px; padding: .8rem 1rem; white-space: pre-wrap; overflow-wrap: anywhere; margin: .8rem 0; }
.message { border-left: 4px solid var(--failed); }
.mapspec { font: .85rem ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; color: var(--soft); margin: 0 0 .5rem; }
.value { font-size: 1.4rem; margin: .3rem 0; font-variant-numeric: tabular-nums; }
figure { margin: .5rem 0 1.4rem; break-inside: avoid; }
figcaption { font-size: .85rem; }
.pictures { display: flex; flex-wrap: wrap; gap: .4rem 1rem; align-items: flex-end; }
.slice { margin: 0; font-size: .85rem; color: var(--soft); }
svg { display: block; }
svg.chart { max-width: 100%; height: auto; }
svg.natural { max-width: none; }
svg.bar { width: 7rem; height: .5rem; border-radius: 3px; margin-top: .45rem; }
svg text { fill: var(--text); font: 12px system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
svg .tick { fill: var(--soft); font-size: 11.5px; } svg .label { font-size: 12.5px; }
svg .name { font: 600 12.5px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
svg .detail { font: 10.5px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: var(--soft); }
svg image { image-rendering: pixelated; }
.frame { fill: none; stroke: var(--soft); } .axis { stroke: var(--soft); } .grid { stroke: var(--grid); }
.gap { fill: url(#hatch); } .hatch { stroke: var(--gap); stroke-width: 1.5; }
svg.hidden { position: absolute; width: 0; height: 0; }
.done { fill: var(--done); } .failed { fill: var(--failed); } .blocked { fill: var(--blocked); } .pending { fill: var(--pending); }
.box { fill: var(--card); stroke: var(--soft); } .input .box { fill: var(--page); stroke-dasharray: 3 2; }
.edge { fill: none; stroke: var(--soft); stroke-width: 1.2; } .arrow { fill: var(--soft); }
.curve path { fill: none; stroke-width: 1.8; stroke-linejoin: round; } .curve circle { stroke: var(--page); stroke-width: .6; }
.c0 path { stroke: var(--c0); } .c0 circle { fill: var(--c0); } .c1 path { stroke: var(--c1); } .c1 circle { fill: var(--c1); }
.c2 path { stroke: var(--c2); } .c2 circle { fill: var(--c2); } .c3 path { stroke: var(--c3); } .c3 circle { fill: var(--c3); }
.c4 path { stroke: var(--c4); } .c4 circle { fill: var(--c4); } .c5 path { stroke: var(--c5); } .c5 circle { fill: var(--c5); }
@media print {
  body { max-width: none; padding: 0; font-size: 11px; }
  h2, h3, .mapspec { break-after: avoid; } tr { break-inside: avoid; } article { break-before: page; }
  .wide { overflow: visible; } svg.natural { max-width: 100%; }
  .state, .bar, svg { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
)";

}  // namespace

std::string_view report_style() { return kStyle; }

}  // namespace mpipe::app
