// Draws each chart from the data beside it; the static picture stays for print.
for (const holder of document.querySelectorAll(".chart")) {
  const figure = JSON.parse(holder.querySelector("script").textContent)
  const node = holder.querySelector(".plot")
  const layout = { ...figure.layout, height: 330, autosize: true, dragmode: false,
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)" }
  holder.classList.add("drawn")  // before it is drawn: a hidden node has no width
  Plotly.newPlot(node, figure.data, layout, { displayModeBar: false, responsive: true })
}
