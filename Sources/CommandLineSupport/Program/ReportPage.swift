import FoundationEssentials
import ImageFiles

/// The HTML page of a run: inputs, result, similarity and classes, with all pictures inside.
struct ReportPage {
  let model: String
  let set: PictureSet
  let fused: Image?
  let summary: PictureRun.Summary

  func html() throws -> String {
    var figures = try set.pictures.enumerated().map { index, picture in
      try figure(picture.image, title: picture.path, classes: summary.classes?[index])
    }
    if let fused, let path = summary.fused {
      figures.append(try figure(fused, title: path, classes: nil, isResult: true))
    }
    return """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <title>\(escaped(title))</title>
      <style>
      body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; color: #222; background: #fff; }
      main { display: grid; grid-template-columns: repeat(auto-fit, minmax(18rem, 1fr)); gap: 1.5rem; }
      figure { margin: 0; }
      figure img { width: 100%; height: auto; border: 1px solid #ccc; }
      figure.result img { border: 3px solid #2a6; }
      figcaption { overflow-wrap: anywhere; font-weight: 600; }
      table { border-collapse: collapse; margin: .5rem 0; font-size: .9rem; }
      td, th { padding: .15rem .6rem; border-bottom: 1px solid #ddd; text-align: left; }
      td.number { text-align: right; font-variant-numeric: tabular-nums; }
      </style>
      </head>
      <body>
      <h1>\(escaped(title))</h1>
      <p>Model: \(escaped(model))</p>
      <main>
      \(figures.joined(separator: "\n"))
      </main>
      \(similarityTable)
      </body>
      </html>

      """
  }

  private var title: String { fused == nil ? "Classified pictures" : "Fused picture" }

  private func figure(
    _ image: Image, title: String, classes: [ClassificationTask.Prediction]?, isResult: Bool = false
  ) throws -> String {
    let data = Data(try PNG.encoded(image)).base64EncodedString()
    let rows = (classes ?? []).map { prediction in
      "<tr><td>\(escaped(prediction.label))</td><td class=\"number\">\(percent(prediction.probability))</td></tr>"
    }
    let table = rows.isEmpty ? "" : "<table>\(rows.joined())</table>"
    let size = "\(image.width)×\(image.height), \(image.bitDepth) bit \(image.colorModel.title)"
    return """
      <figure\(isResult ? " class=\"result\"" : "")><img src="data:image/png;base64,\(data)" alt="\(escaped(title))">
      <figcaption>\(escaped(title))</figcaption>\(size)\(table)</figure>
      """
  }

  private var similarityTable: String {
    guard let similarity = summary.similarity else { return "" }
    let names = set.pictures.map { escaped($0.path) }
    let head = names.map { "<th>\($0)</th>" }.joined()
    let rows = zip(names, similarity).map { name, row in
      "<tr><th>\(name)</th>"
        + row.map { "<td class=\"number\">\(decimal($0, digits: 3))</td>" }.joined() + "</tr>"
    }
    return "<h2>Similarity</h2>\n<table><tr><th></th>\(head)</tr>\n\(rows.joined(separator: "\n"))</table>"
  }

  private func escaped(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
      .replacing("\"", with: "&quot;")
  }
}
