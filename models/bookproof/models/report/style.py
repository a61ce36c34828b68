"""How pages look: one style sheet for all of them, light or dark as the reader likes."""

CSS = """
:root{color-scheme:light dark;--paper:#fff;--ink:#1d2129;--soft:#5f6774;--line:#d9dde4;--lane:#f5f7fa;--mark:#fff3c4;
--turn:#b7791f;--bad:#c0362c;--good:#2e7d46;--write:#20663a;--lock:#22609a}
@media (prefers-color-scheme:dark){:root{--paper:#14171c;--ink:#e6e9ee;--soft:#9aa3b0;--line:#333a45;--lane:#1c2128;
--mark:#453a12;--turn:#e0a93f;--bad:#ff7b6e;--good:#62c482;--write:#7fd39a;--lock:#83b8ee}}
body{margin:2rem auto;max-width:72rem;padding:0 1rem;background:var(--paper);color:var(--ink);
font:15px/1.5 system-ui,sans-serif}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .6rem}
h2 small{color:var(--soft);font-weight:400}.about,.counts{color:var(--soft);margin:.3rem 0}
.badge{display:inline-block;border-radius:1rem;padding:.1rem .8rem;color:#fff;font-weight:600}
.badge.wrong{background:#c0362c}.badge.right{background:#2e7d46}
.said{border-left:4px solid var(--bad);padding:.3rem .9rem;margin:1rem 0}.said.right{border-color:var(--good)}
.said p{margin:.2rem 0}.expected{color:var(--good)}.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%}th{text-align:left;color:var(--soft);font-weight:600}
td,th{padding:.35rem .6rem;border-bottom:1px solid var(--line);vertical-align:top}
tr.wrong td{color:var(--bad)}tr.turn td{color:var(--turn);font-style:italic}
pre{background:var(--lane);border:1px solid var(--line);border-radius:8px;padding:.8rem;overflow-x:auto}
code,pre,.code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:12.5px}
.trace code{display:block;color:var(--soft)}.site{font-size:12px;color:var(--soft)}
details summary{cursor:pointer;font-size:1.1rem;font-weight:600;margin:2rem 0 .6rem}
.legend span{margin-right:1.2rem;color:var(--soft)}.legend i,.legend b{display:inline-block;width:.8rem;height:.8rem;
border-radius:3px;margin-right:.4rem;vertical-align:-1px}.legend b.mark{background:var(--mark);
outline:1px solid var(--turn)}
svg{display:block;font-family:system-ui,sans-serif}svg text{fill:var(--ink)}.lane{fill:var(--lane);stroke:var(--line)}
svg .thread{font-weight:700;font-size:14px}svg .no{font-size:11px;fill:var(--soft);text-anchor:end}
svg .step{font-size:12.5px}svg .code{font-size:11px;fill:var(--soft)}svg .takes,svg .leaves{fill:var(--lock)}
svg .writes{fill:var(--write)}svg .waits,svg .raises{fill:var(--bad);font-weight:700}
svg .calls,svg .is{font-style:italic}
svg .mark{fill:var(--mark)}svg .turn{fill:none;stroke:var(--turn);stroke-width:1.8}svg .tip{fill:var(--turn)}
svg .paper{fill:var(--paper);stroke:var(--turn)}svg .why{fill:var(--turn);font-size:12px;font-weight:600;
text-anchor:middle}svg .node{fill:var(--lane);stroke:var(--ink);stroke-width:1.5}
svg .name{text-anchor:middle;font-size:14px;font-weight:600}svg .edge{text-anchor:middle;font-size:12px;
fill:var(--soft)}svg line{stroke:var(--soft);stroke-width:1.8}svg line.waits{stroke:var(--bad);stroke-dasharray:6 4}
"""
