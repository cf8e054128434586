# Two rows of bars, wall and CPU a message as multiples of Limpet's, from peers.csv.
# Wants: figures (the file), names (of the libraries, in the file's order), plot_file (the plot).
set terminal svg size 1200,900 font 'sans-serif,12' background 'white'
set output plot_file
set datafile separator ','
set style data histograms
set style histogram clustered gap 2
set style fill solid 0.9 noborder
set boxwidth 1
set logscale y 2
set yrange [0.5:256]
set grid ytics back lc rgb '#cccccc'
set xtics rotate by 35 right nomirror
set key outside top center horizontal
array colours[7] = ['#bbbbbb', '#0b6e4f', '#d1495b', '#edae49', '#f4d58d', '#00798c', '#8d6a9f']
count = words(names)
first(what) = what eq 'wall' ? 1 : count + 1 # the column before its first
set multiplot layout 2,1
do for [what in 'wall CPU'] {
  set title what.' time a message, Limpet = 1 (less is better)'
  plot for [i=1:count] figures using (column(first(what)+i)):xtic(1) every ::1 \
    title word(names, i) lc rgb colours[i], 1 notitle lc rgb '#333333'
}
unset multiplot
