/// The one style of all pages: no script, no font, readable on a phone and in the dark.
enum Stylesheet {
    static let css: StaticString = """
        :root{color-scheme:light dark;--line:#d5d9e0;--soft:#5d6675;--back:#fff;--page:#f6f7f9;--text:#1c2430;\
        --artifact:#e8f1fd;--artifact-line:#4a86d8;--execution:#eef6ea;--execution-line:#67a04b;--failed:#fdebea;--failed-line:#cf4a42}
        @media(prefers-color-scheme:dark){:root{--line:#39414e;--soft:#9aa5b5;--back:#1b2029;--page:#12161d;--text:#e6eaf0;\
        --artifact:#1d3350;--execution:#20361b;--failed:#4a2222}}
        *{box-sizing:border-box}
        body{margin:0;background:var(--page);color:var(--text);font:15px/1.5 system-ui,sans-serif}
        header{background:var(--back);border-bottom:1px solid var(--line);padding:.7rem 1rem}
        header{display:flex;flex-wrap:wrap;gap:.3rem 1.5rem;align-items:baseline}
        header a.home{font-weight:600;color:inherit;text-decoration:none}
        header nav{display:flex;gap:1.1rem}header nav a{color:var(--soft);text-decoration:none;padding:.15rem 0}
        header nav a:hover{color:inherit}header nav a[aria-current]{color:inherit;border-bottom:2px solid var(--artifact-line)}
        form.filter{display:flex;flex-wrap:wrap;gap:.6rem .8rem;align-items:end;margin:.2rem 0 1rem}
        form.filter label{display:flex;flex-direction:column;font-size:.8rem;color:var(--soft);min-width:0}
        form.filter .wide{flex:1 1 18rem}
        form.filter input,form.filter select,form.filter button{font:inherit;font-size:.92rem;color:var(--text);background:var(--back);\
        border:1px solid var(--line);border-radius:6px;padding:.35rem .55rem;max-width:100%}
        form.filter select{max-width:16rem}form.filter input{width:100%;line-height:1.6;font-family:ui-monospace,monospace}
        form.filter button{cursor:pointer;font-weight:600}form.filter a{padding:.4rem 0}
        .state{white-space:nowrap}.state::before{content:"";display:inline-block;width:.6em;height:.6em;border-radius:50%;\
        margin-right:.45em;background:var(--soft)}
        .state.complete::before,.state.cached::before{background:var(--execution-line)}
        .state.failed::before{background:var(--failed-line);border-radius:0}
        .state.running::before{background:var(--artifact-line)}.state.new::before,.state.canceled::before{background:none;border:2px solid var(--soft)}
        table.list td:first-child{min-width:9rem}
        p.facts{margin:0 0 .8rem}
        p.problem{background:var(--failed);border-left:4px solid var(--failed-line);padding:.6rem .8rem;border-radius:0 6px 6px 0;\
        overflow-wrap:anywhere;white-space:pre-wrap}
        main{max-width:76rem;margin:0 auto;padding:1rem}
        h1{font-size:1.4rem;margin:.4rem 0;overflow-wrap:anywhere}h2{font-size:1.05rem;margin:1.6rem 0 .5rem}
        p.sub{color:var(--soft);margin:0 0 1rem;overflow-wrap:anywhere}
        .scroll{overflow-x:auto;background:var(--back);border:1px solid var(--line);border-radius:8px}
        table{border-collapse:collapse;width:100%}
        th,td{text-align:left;padding:.45rem .8rem;border-bottom:1px solid var(--line);vertical-align:top}
        tr:last-child td{border-bottom:0}th{color:var(--soft);font-weight:500;font-size:.85rem;white-space:nowrap}
        td.uri,td.value{overflow-wrap:anywhere}td.value{white-space:pre-wrap}td.nowrap{white-space:nowrap}
        a{color:#2f6fc4}@media(prefers-color-scheme:dark){a{color:#7fb0f5}}
        nav.pages{margin:1rem 0;display:flex;gap:1rem}
        td nav.pages{margin:0}
        svg.lineage{display:block}svg .edge{fill:none;stroke:var(--soft);stroke-width:1.4}svg marker path{fill:var(--soft)}
        svg text{font:13px system-ui,sans-serif;fill:var(--text)}svg .name{font-weight:600}svg .kind{font-size:11px;fill:var(--soft)}
        svg rect{stroke-width:1.2}svg .artifact rect{fill:var(--artifact);stroke:var(--artifact-line)}
        svg .execution rect{fill:var(--execution);stroke:var(--execution-line)}
        svg .failed rect{fill:var(--failed);stroke:var(--failed-line)}svg .current rect{stroke-width:3}
        svg a:hover rect,svg a:focus rect{stroke-width:2.4}
        @media(max-width:44rem){main{padding:.6rem}
        table.list thead{display:none}table.list tr{display:block;padding:.5rem 0;border-bottom:1px solid var(--line)}
        table.list td{display:block;border:0;padding:.1rem .8rem}
        table.list td::before{content:attr(data-name) ": ";color:var(--soft);font-size:.85rem}
        table.list td:empty{display:none}}
        """
}
